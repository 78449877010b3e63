/** "MgvL": marks the file as a ledger of Mangrove (sqlite.org/pragma.html#pragma_application_id). */
export const applicationId = 0x4d67764c;

/**
 * Step n brings a file of version n to version n + 1, in one transaction with the new number. Steps that were ever
 * released are never edited.
 *
 * Records are only ever appended: a page of `intent` is written a few times and then never again. An index by serial
 * would touch one random page per record, several for all three look-ups, and each goes to the log and to the file:
 * at 300,000 records twice the CPU and ten times the bytes. So `lookup` is filled in sorted runs, behind the records, and
 * `indexed_through` says how far; what is newer is indexed in memory (lookup.ts).
 */
export const migrations: readonly string[] = [
  `
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
  `,
];
