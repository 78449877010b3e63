import { type ErrorRows, internal, misconfigured, unavailable } from '#errors/row.ts';

/** Codes of the throw-away clusters; nobody but the person at the command line ever sees them. */
export const sandboxErrors = {
  SANDBOX_NO_BINARIES: misconfigured(
    'ControlPlaneBinariesMissing',
    'Install Go 1.26 or newer, or allow a route to the envtest archive, or set KUBEBUILDER_ASSETS to a directory with kube-apiserver, etcd and kubectl; then run `make setup` again.',
  ),
  SANDBOX_ASSETS_INCOMPLETE: misconfigured(
    'ControlPlaneAssetsIncomplete',
    'Put kube-apiserver, etcd and kubectl, all executable, into the directory that KUBEBUILDER_ASSETS names, or unset it.',
  ),
  SANDBOX_ARCHIVE_DIGEST: misconfigured(
    'ArchiveDigestMismatch',
    'Nothing of the archive was kept. Find out what stands between this machine and the archive before trying again.',
  ),
  SANDBOX_ARCHIVE_DAMAGED: internal(
    'ArchiveDamaged',
    'The archive has the right digest but could not be unpacked: check that tar and enough disk space are there.',
  ),
  SANDBOX_BUILD_FAILED: internal(
    'ControlPlaneBuildFailed',
    'Read the log that the message names; the build needs Go 1.26 or newer, a Go module proxy or a filled module cache, 6 GB of disk and 3 GB of memory.',
  ),
  SANDBOX_START_FAILED: unavailable(
    'ControlPlaneStartFailed',
    'Read the log that the message names, then try again.',
  ),
  SANDBOX_NOT_READY: unavailable(
    'SandboxNotReady',
    'Read the logs in the directory that the message names; on a very busy machine trying again may be enough.',
  ),
  SANDBOX_KUBECTL_FAILED: internal('KubectlFailed', "Read kubectl's own words in the message."),
  SANDBOX_ALREADY_UP: misconfigured(
    'SandboxAlreadyUp',
    'Use the sandbox that runs there, end it with `mangrove sandbox down`, or choose another --dir.',
  ),
  SANDBOX_DIR_FOREIGN: misconfigured(
    'DirectoryNotOurs',
    'Choose an empty or a new directory for --dir: a sandbox removes its whole directory when it ends.',
  ),
  SANDBOX_NOT_UP: misconfigured(
    'SandboxNotUp',
    'Start one with `mangrove sandbox up --dir DIR`, or name the directory of the one that runs.',
  ),
  SANDBOX_INTERRUPTED: unavailable(
    'SandboxInterrupted',
    'Nothing is left of it; start it again when you want it.',
  ),
  SANDBOX_STOP_FAILED: internal(
    'SandboxStopFailed',
    'Look at the processes that the message names and end them by hand.',
  ),
} as const satisfies ErrorRows<string>;
