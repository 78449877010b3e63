import { describe, expect, it } from 'vitest';
import { readOnce } from '#bundles/controller/read-once.ts';
import { createGate, readSelected } from '#bundles/controller/selection.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Counts how many reads go on at the same time. */
function counted(sizeOf: (content: number) => number = () => 1) {
  const counts = { now: 0, most: 0, all: 0 };
  const read = async (seen: number) => {
    counts.now += 1;
    counts.all += 1;
    counts.most = Math.max(counts.most, counts.now);
    for (let rest = seen % 5; rest >= 0; rest -= 1) await turn();
    counts.now -= 1;
    return seen;
  };
  return { counts, reading: { kind: 'Secrets', read, sizeOf } };
}

describe('what a source selects', () => {
  it('is read in its order, eight at a time', async () => {
    const { counts, reading } = counted();
    expect(await readSelected(numbers(256), reading)).toEqual(numbers(256));
    expect(counts).toEqual({ now: 0, most: 8, all: 256 });
  });

  it('is at most 256 objects: of more none is read', async () => {
    const { counts, reading } = counted();
    await expect(readSelected(numbers(257), reading)).rejects.toMatchObject({
      code: 'BUNDLE_SOURCE_TOO_LARGE',
      message: '257 Secrets are meant, more than 256',
    });
    expect(counts.all).toBe(0);
  });

  it('is at most 4 MiB: no more is read than it takes to know', async () => {
    const exact = counted(() => 4_194_304 / 16);
    expect(await readSelected(numbers(16), exact.reading)).toHaveLength(16);
    const large = counted(() => 1_048_576);
    await expect(readSelected(numbers(200), large.reading)).rejects.toMatchObject({
      code: 'BUNDLE_SOURCE_TOO_LARGE',
      message: 'the 200 Secrets that are meant have more than 4194304 bytes together',
    });
    expect(large.counts.all).toBeLessThan(4 + 8 + 8);
  });

  it('fails with the first that cannot be read, and reads no further', async () => {
    const { counts, reading } = counted();
    const read = async (seen: number) => {
      if (seen === 10) throw new Error('forbidden');
      return reading.read(seen);
    };
    await expect(readSelected(numbers(200), { ...reading, read })).rejects.toThrow('forbidden');
    await turn();
    expect(counts.all).toBeLessThan(10 + 8 + 8);
  });
});

it('a gate lets in eight, and the next when one is through, whether it failed or not', async () => {
  const gate = createGate();
  const { counts, reading } = counted();
  const tasks = numbers(40).map((number) =>
    gate.pass(async () => {
      await reading.read(number);
      if (number % 3 === 0) throw new Error('failed');
    }),
  );
  await Promise.allSettled(tasks);
  expect(counts).toEqual({ now: 0, most: 8, all: 40 });
});

describe('content that is read once', () => {
  const seen = (name: string, resourceVersion = '1') => ({ metadata: { name, uid: name, resourceVersion } });

  function reader() {
    const time = { now: 0 };
    const fetched: string[] = [];
    const contents = readOnce({
      kind: 'Secret',
      gate: createGate(),
      clock: { wall: () => 0, monotonic: () => time.now },
      idleMs: 1_000,
      fetch: async ({ metadata: { name, resourceVersion } }: ReturnType<typeof seen>) => {
        fetched.push(`${name} ${resourceVersion}`);
        return name;
      },
    });
    return { time, fetched, contents };
  }

  it('is kept while it is asked for, and not when nobody asks any more', async () => {
    const { time, fetched, contents } = reader();
    await contents.read(seen('a'));
    await contents.read(seen('b'));
    time.now = 900;
    await contents.read(seen('a'));
    time.now = 1_800;
    await contents.read(seen('a'));
    await contents.read(seen('c'));
    await contents.read(seen('a'));
    await contents.read(seen('b'));
    expect(fetched).toEqual(['a 1', 'b 1', 'c 1', 'b 1']);
  });

  it('is read again for another version, or when it was forgotten', async () => {
    const { fetched, contents } = reader();
    await contents.read(seen('a'));
    await contents.read(seen('a', '2'));
    contents.forget('a');
    await contents.read(seen('a', '2'));
    await contents.read(seen('b'));
    contents.forget();
    await contents.read(seen('b'));
    expect(fetched).toEqual(['a 1', 'a 2', 'a 2', 'b 1', 'b 1']);
  });
});
