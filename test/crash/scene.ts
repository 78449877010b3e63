import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CertificateSigningRequest, Event } from '#kube/object.ts';
import { certificateSigningRequests, events } from '#kube/resource.ts';
import type { StepName } from '#step.ts';
import { approveDirectly, ask, opensslRequest, requester } from '../csr/support/requester.ts';
import { auditedSince, auditPosition } from '../support/audit.ts';
import { type Installation, install } from '../support/installation.ts';
import type { Death, ReplicaProcess } from '../support/replica-process.ts';
import { violations } from './checker.ts';
import type { LeftFile, Report } from './evidence.ts';
import { readLedger } from './ledger-file.ts';
import { type Mortals, mortals, patienceMs } from './mortals.ts';
import { askForTargets, componentsFor, type PlacedKind } from './placed-targets.ts';
import type { Stage } from './stage.ts';
import type { Condition, Watcher } from './watcher.ts';

/** An installation whose replicas die, and what they owe to their requesters. */
export interface Scene extends Pick<Mortals, 'start' | 'died'> {
  /** Creates and approves so many requests, each of a key of its own. */
  ask(count: number): Promise<void>;
  /** What an operator changes so that the step is reached at all. */
  change(step: StepName): Promise<void>;
  /** Until everything that was asked for is answered and the authority is in service. */
  settled(): Promise<void>;
  /**
   * Judges all that happened so far: with every replica dead, these at a step; or, when it is settled, after ending those
   * that live in good order.
   */
  judge(end: { readonly fallen: readonly Fall[] } | { readonly survivors: Survivors }): Promise<string[]>;
  close(): Promise<void>;
}

/** Which replica died where. */
export interface Fall {
  readonly ordinal: number;
  readonly death: Death;
}

/** By ordinal. */
type Survivors = ReadonlyMap<number, ReplicaProcess>;

/** @param placed what an operator has asked for before, beside the ClusterTrustBundle */
export async function openScene({ server, watcher, program }: Stage, placed?: PlacedKind): Promise<Scene> {
  const on = await install(server, placed === undefined ? [] : componentsFor[placed]);
  const targets = placed === undefined ? undefined : await askForTargets(on, placed);
  await on.createAuthority();
  const web = await requester(on, 'web');
  const asked: string[] = [];
  let known = new Set<string>();
  let told = false;
  const replicas = mortals(on, program);
  const began = auditPosition(server.auditLog);
  const account = `system:serviceaccount:${on.namespace}:mangrove`;

  function logOf(ordinal: number): string {
    const path = join(on.directory, `replica-${ordinal}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async function settled(): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (const name of asked) await until(deadline, () => isAnswered(on, name), `${name} is answered`);
    await until(deadline, () => isServed(on, watcher), `${on.authority} is in service`);
    if (targets !== undefined)
      await until(deadline, () => targets.arrived(), 'the targets hold the roots, or are gone');
  }

  async function settledLife(): Promise<void> {
    const replica = await replicas.start(0);
    await settled();
    await replica.kill();
    told = true;
  }

  return {
    async ask(count) {
      const made = Array.from({ length: count }, async () => {
        const name = await ask(web, on, opensslRequest());
        asked.push(name);
        await approveDirectly(on, name);
      });
      await Promise.all(made);
    },
    async change(step) {
      // A file carries no mark: what no status has told of would stay.
      if (step === 'removal/delete' && placed === 'secretAndFile' && !told) await settledLife();
      await targets?.change(step);
    },
    start: (ordinal, death) => replicas.start(ordinal, death),
    died: (replica, death) => replicas.died(replica, death),
    settled,
    async judge(end) {
      const survivors: Survivors = 'survivors' in end ? end.survivors : new Map();
      const falls = 'fallen' in end ? end.fallen : [];
      const reports = await Promise.all(
        [...survivors].map(async ([ordinal, replica]) => {
          const report = await reportOf(ordinal, replica, () => logOf(ordinal));
          await replica.kill('SIGTERM');
          return report;
        }),
      );
      await watcher.caughtUp();
      const entries = replicas.ordinals().flatMap((ordinal) => ledgerOf(on, ordinal));
      const fresh = entries.filter(({ serial }) => !known.has(serial));
      known = new Set(entries.map(({ serial }) => serial));
      return violations({
        ...on,
        watcher,
        spiffeId: web.spiffeId,
        entries,
        reports,
        fallen: falls.map(({ ordinal, death: { step } }) => ({
          step,
          fresh: fresh.filter(({ replica }) => replica === nameOf(ordinal)),
        })),
        settled: 'survivors' in end,
        placed: targets?.evidence(),
        log: replicas.ordinals().map(logOf).join(''),
        audited: auditedSince(server.auditLog, began, account).filter(
          ({ user }) => user.username === account,
        ),
        events: await eventsOf(on),
        files: leftIn(on.directory),
      });
    },
    close: () => on.stop(),
  };
}

function nameOf(ordinal: number): string {
  return `mangrove-${ordinal}`;
}

function ledgerOf({ directory }: Installation, ordinal: number) {
  const path = join(directory, `${nameOf(ordinal)}.db`);
  return existsSync(path) ? readLedger(nameOf(ordinal), path) : [];
}

/** What this life of the replica said of earlier ones before it signed: its own lines of the log, and its metrics. */
async function reportOf(ordinal: number, replica: ReplicaProcess, log: () => string): Promise<Report> {
  const own = `http://127.0.0.1:${replica.port}`;
  // It listens before it has looked, and earlier lives may have answered everything already.
  const isReady = async (): Promise<boolean> => (await fetch(`${own}/readyz`)).status === 200;
  await until(performance.now() + patienceMs, isReady, `${nameOf(ordinal)} is ready`);
  const answer = await fetch(`${own}/metrics`);
  const metrics = await answer.text();
  const gauge = /^mangrove_ledger_unresolved_intents (\d+)$/m.exec(metrics)?.[1];
  const lines = log()
    .split('\n')
    .filter((line) => line.includes('an earlier process may have signed'))
    .map((line) => JSON.parse(line) as { readonly pid: number; readonly serial: string });
  const serials = lines.filter(({ pid }) => pid === replica.pid).map(({ serial }) => serial);
  return { replica: nameOf(ordinal), serials, gauge: Number(gauge), metrics };
}

/** About what is cluster-wide they stand in `default`, among those of others. */
async function eventsOf({ admin, namespace }: Installation): Promise<string> {
  const found = await Promise.all(
    [namespace, 'default'].map((each) => admin.list<Event>(events, { namespace: each })),
  );
  return JSON.stringify(found.map(({ items }) => items));
}

/** Of the ledgers. */
function leftIn(directory: string): LeftFile[] {
  return readdirSync(directory)
    .filter((name) => /^mangrove-\d+\.db/.test(name))
    .map((name) => ({ name, mode: statSync(join(directory, name)).mode & 0o777 }));
}

async function isAnswered({ admin }: Installation, name: string): Promise<boolean> {
  const { status } = await admin.get<CertificateSigningRequest>(certificateSigningRequests, name);
  // A refusal is an answer, too: the checks judge it.
  const refused = status?.conditions?.some(({ type }) => type !== 'Approved') === true;
  return refused || status?.certificate !== undefined;
}

/** Both statuses say so: what follows is judged, this is waited for. */
async function isServed({ authority, trustDomain }: Installation, watcher: Watcher): Promise<boolean> {
  const ready = (kind: 'authorities' | 'trustBundles', isOwn: (name: string) => boolean): boolean => {
    const last = watcher.history(kind).findLast(({ object }) => isOwn(object.metadata.name));
    return last?.object.status?.conditions?.some(isReady) === true;
  };
  return (
    ready('authorities', (name) => name === authority) &&
    ready('trustBundles', (name) => name === trustDomain)
  );
}

function isReady({ type, status }: Condition): boolean {
  return type === 'Ready' && status === 'True';
}

async function until(deadline: number, look: () => Promise<boolean>, what: string): Promise<void> {
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`it never came: ${what}`);
    await sleep(100);
  }
}
