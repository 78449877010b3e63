import { describe, expect, test } from 'vitest';
import { requireSynced } from '#kube/follow.ts';
import { until } from './lab.ts';
import { setUp } from './reflector-lab.ts';

describe('requireSynced', () => {
  test('refuses until every first list is complete, then names what does not stand', async () => {
    const { proxy, run } = await setUp();
    const { reflector, stop } = run();
    expect(() => requireSynced([reflector])).toThrow(expect.objectContaining({ code: 'KUBE_NOT_SYNCED' }));
    await until(() => reflector.state() === 'watching');
    const other = { hasSynced: () => true };
    expect(requireSynced([reflector, other])).toBe('the first lists are complete');
    proxy.setFault((_request, response) => response.socket?.destroy());
    proxy.cut();
    await until(() => reflector.state() === 'failing');
    expect(requireSynced([reflector, other])).toBe(
      'the first lists are complete; not watched at this moment: configmaps (failing)',
    );
    expect(() => requireSynced([{ hasSynced: () => false }, reflector])).toThrow();
    stop.abort();
    await reflector.done;
  });
});
