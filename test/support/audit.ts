import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What the API server wrote down of one request, as far as tests read it. */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: {
    readonly username: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly objectRef?: {
    readonly resource: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly subresource?: string;
    readonly resourceVersion?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
}

const written: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Whether the request changed something. */
export function isWrite({ verb, responseStatus: { code = 0 } = {} }: AuditEvent): boolean {
  return written.has(verb) && code < 300;
}

/** Name of the Pod that the token of the request is bound to. */
export function podOf({ user }: AuditEvent): string | undefined {
  return user.extra?.['authentication.kubernetes.io/pod-name']?.[0];
}

/** How far the audit log has come. The API server writes it before it answers. */
export function auditPosition(log: string): number {
  return filesOf(log).reduce((sum, file) => sum + statSync(file).size, 0);
}

/** Everything that was written down since that position, of requests in which this text stands. */
export function auditedSince(log: string, position: number, about = ''): AuditEvent[] {
  const text = tail(log, position);
  // The last line may be half there.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines
    .filter((line) => line !== '' && line.includes(about))
    .map((line) => JSON.parse(line) as AuditEvent);
}

function tail(log: string, position: number): string {
  const parts: Buffer[] = [];
  let skip = position;
  for (const file of filesOf(log)) {
    const size = statSync(file).size;
    if (skip < size) parts.push(readFrom(file, skip));
    skip = Math.max(skip - size, 0);
  }
  return Buffer.concat(parts).toString();
}

function readFrom(file: string, start: number): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(fstatSync(descriptor).size - start);
    readSync(descriptor, bytes, 0, bytes.length, start);
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** The server begins another file at 100 MB, and gives the one before its time for a name: the oldest comes first. */
function filesOf(log: string): string[] {
  const directory = dirname(log);
  const stem = basename(log, '.log');
  const rotated = readdirSync(directory).filter(
    (name) => name.startsWith(`${stem}-`) && name.endsWith('.log'),
  );
  return [...rotated.toSorted().map((name) => join(directory, name)), log];
}
