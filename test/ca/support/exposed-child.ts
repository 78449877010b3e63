import crypto, { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { writeHeapSnapshot } from 'node:v8';
import { destination, pino } from 'pino';
import type { Config } from '#ops/config-schema.ts';

/**
 * The product in a process that lets its heap be looked into: `exposed-child.ts CONFIG LOG DECOY`. It holds one key carelessly, so
 * that whoever searches knows that the search finds something. By message: `snapshot PATH`, `keys`.
 */
const [configPath = '', logPath = '', decoyPath = ''] = process.argv.slice(2);
const careless = readFileSync(decoyPath, 'utf8');
Object.assign(globalThis, {
  careless,
  der: createPrivateKey(careless).export({ type: 'pkcs8', format: 'der' }),
});

/** What the product made, held no longer than it does itself. */
const made: WeakRef<KeyObject>[] = [];
const { generateKeyPairSync } = crypto;
crypto.generateKeyPairSync = new Proxy(generateKeyPairSync, {
  apply(target, self, args) {
    const pair: { privateKey: KeyObject } = Reflect.apply(target, self, args);
    made.push(new WeakRef(pair.privateKey));
    return pair;
  },
});
syncBuiltinESMExports();

const { startMangrove } = await import('#main.ts');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by exposed-replica.ts from a Config
const config = JSON.parse(readFileSync(configPath, 'utf8')) as Config;
const log = pino({ level: 'trace' }, destination({ dest: logPath, sync: true }));
const mangrove = await startMangrove({ config, log, version: 'test' });

process.on('message', (message: string) => {
  const [command, path] = message.split(' ');
  if (command === 'snapshot') process.send?.(writeHeapSnapshot(path));
  // What is asked for last: from here on the keys do lie in this heap.
  if (command === 'keys')
    process.send?.(made.map((key) => key.deref()?.export({ format: 'pem', type: 'pkcs8' })));
});
process.once('SIGTERM', () => void mangrove.stop().then(() => process.exit(0)));
process.once('disconnect', () => process.exit(1));
process.send?.({ port: mangrove.health.port });
