/** "MgvL": marks the file as a ledger of Mangrove (sqlite.org/pragma.html#pragma_application_id). */
export const applicationId = 0x4d67764c;

/** One row for each intent, one for each result. */
const version1 = `
  CREATE TABLE intent (
    id            INTEGER PRIMARY KEY,
    serial        BLOB    NOT NULL,
    kind          TEXT    NOT NULL,
    authority     TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    front_door    TEXT    NOT NULL,
    request_uid   TEXT    NOT NULL,
    identity      TEXT    NOT NULL,
    spki_sha256   BLOB    NOT NULL,
    tbs_sha256    BLOB    NOT NULL,
    not_before    INTEGER NOT NULL,
    not_after     INTEGER NOT NULL,
    recorded_at   INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE result (
    intent             INTEGER PRIMARY KEY,
    outcome            TEXT    NOT NULL,
    certificate_sha256 BLOB,
    recorded_at        INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE unresolved (intent INTEGER PRIMARY KEY) STRICT;

  CREATE TABLE lookup (
    key    INTEGER NOT NULL,
    intent INTEGER NOT NULL,
    PRIMARY KEY (key, intent)
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE newest (
    authority TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    not_after INTEGER NOT NULL,
    PRIMARY KEY (authority, kind)
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE state (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    indexed_through INTEGER NOT NULL,
    checks          INTEGER NOT NULL
  ) STRICT;
  INSERT INTO state VALUES (1, 0, 0);
`;

/**
 * One row for all that a commit brought: a statement with a dozen parameters per record costs ten times as much as the
 * record itself. The rows of `batch` are the ledger, only ever appended; each is a JSON array, so that
 * `SELECT value FROM batch, json_each(records)` shows it to anyone, and a record may get a new field without a new
 * version. The other tables are made of it up to `indexed_through`; what is newer is in memory (lookup.ts, standing.ts).
 */
const version2 = `
  CREATE TABLE batch (id INTEGER PRIMARY KEY, records TEXT NOT NULL) STRICT;

  INSERT INTO batch (records)
  SELECT json_group_array(json_object(
    'serial', lower(hex(serial)), 'kind', kind, 'authority', authority, 'issuer', issuer, 'frontDoor', front_door,
    'requestUid', request_uid, 'identity', identity, 'spkiSha256', lower(hex(spki_sha256)),
    'tbsSha256', lower(hex(tbs_sha256)), 'notBefore', not_before, 'notAfter', not_after, 'recordedAt', recorded_at
  ) ORDER BY id)
  FROM intent GROUP BY id / 64 ORDER BY id / 64;

  INSERT INTO batch (records)
  SELECT json_group_array(json_object(
    'serial', lower(hex(i.serial)), 'outcome', r.outcome,
    'certificateSha256', nullif(lower(hex(r.certificate_sha256)), ''), 'recordedAt', r.recorded_at
  ) ORDER BY i.id)
  FROM result r JOIN intent i ON i.id = r.intent GROUP BY i.id / 64 ORDER BY i.id / 64;

  DROP TABLE intent;
  DROP TABLE result;
  DROP TABLE unresolved;
  DROP TABLE lookup;
  CREATE TABLE unresolved (serial TEXT PRIMARY KEY, batch INTEGER NOT NULL) STRICT;
  CREATE TABLE lookup (
    key   INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    PRIMARY KEY (key, batch)
  ) WITHOUT ROWID, STRICT;
  UPDATE state SET indexed_through = 0;
`;

/**
 * Step n brings a file of version n to version n + 1, in one transaction with the new number. Steps that were ever
 * released are never edited.
 */
export const migrations: readonly string[] = [version1, version2];
