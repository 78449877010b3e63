import { type AuditEvent, isWrite } from '../support/audit.ts';
import type { Evidence } from './evidence.ts';

/** What a merge patch is for: marks of a root, whose body carries its version, and the counts of events. */
const patched: ReadonlySet<string> = new Set(['secrets', 'events']);
/** Nothing is written past a version that was read, and nothing is patched or deleted but what may be. */
export function* checkWrites({ audited, placed }: Evidence): Iterable<string> {
  for (const event of audited.filter(isWrite)) {
    const { verb, objectRef } = event;
    const { resource = '', resourceVersion = '' } = objectRef ?? {};
    if (verb === 'update' && resourceVersion === '') yield `${told(event)} was overwritten unseen`;
    if (verb === 'patch' && !patched.has(resource)) yield `${told(event)} was patched`;
    if (verb === 'delete' && !mayGo(event, placed)) yield `${told(event)} was deleted`;
    if (verb === 'deletecollection') yield `all ${resource} were deleted`;
  }
}

/** What an operator may ask to have deleted: a Secret only where it is a target. */
function mayGo({ objectRef }: AuditEvent, placed: Evidence['placed']): boolean {
  if (objectRef?.resource === 'configmaps') return true;
  return (
    objectRef?.resource === 'secrets' && placed !== undefined && objectRef.namespace === placed.namespace
  );
}

function told({ objectRef }: AuditEvent): string {
  const { resource = '', namespace = '', name = '' } = objectRef ?? {};
  return `${resource} ${namespace}/${name}`;
}
