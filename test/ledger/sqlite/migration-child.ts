import { openDatabase } from '#ledger/sqlite/database.ts';
import { migrations } from '#ledger/sqlite/schema.ts';

/**
 * Brings a ledger up to date, but stops for ever before the statement of that number of its last step, and writes meanwhile more than
 * SQLite holds in memory: `node migration-child.ts PATH STATEMENT`. To be killed.
 */
const [path = '', statement = '0'] = process.argv.slice(2);

const endless = `
  CREATE TABLE endless (text TEXT);
  INSERT INTO endless
  WITH RECURSIVE number(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number)
  SELECT hex(zeroblob(50000)) FROM number;
`;

const last = (migrations.at(-1) ?? '').split(';');
const cut = last.toSpliced(Number(statement), 0, endless).join(';');
openDatabase({ path, create: false, maxBytes: undefined, verify: false }, [...migrations.slice(0, -1), cut]);
