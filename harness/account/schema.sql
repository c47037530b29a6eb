CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY, host TEXT NOT NULL, identity TEXT NOT NULL, label TEXT NOT NULL,
    learned TEXT NOT NULL DEFAULT '', used_t REAL, lost_t REAL, UNIQUE (host, identity));
-- One for each holder and route. units: leased and not yet told of. leased_t: until when it had some, got_t: when it was
-- leased some last.
CREATE TABLE IF NOT EXISTS lease (
    account INTEGER NOT NULL, holder TEXT NOT NULL, route TEXT NOT NULL,
    name TEXT NOT NULL, pid INTEGER NOT NULL, machine TEXT NOT NULL,
    units INTEGER NOT NULL DEFAULT 0, leased_t REAL, joined_t REAL NOT NULL, seen_t REAL NOT NULL,
    occupies_s REAL NOT NULL DEFAULT 0, linger_s REAL NOT NULL DEFAULT 0, unmet INTEGER NOT NULL DEFAULT 0,
    got_t REAL NOT NULL DEFAULT 0, present INTEGER NOT NULL DEFAULT 1,
    number INTEGER NOT NULL DEFAULT 0, answer TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (account, holder, route)) WITHOUT ROWID;
-- Sent units: t, by when the server had counted them at the latest.
CREATE TABLE IF NOT EXISTS unit (account INTEGER NOT NULL, t REAL NOT NULL, route TEXT NOT NULL, cost INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS unit_by_time ON unit (account, t, route, cost);
CREATE TABLE IF NOT EXISTS hold (
    account INTEGER NOT NULL, route TEXT NOT NULL, until REAL NOT NULL, probe TEXT, owner TEXT NOT NULL, PRIMARY KEY (account, route)
) WITHOUT ROWID;
-- The limits that anybody kept to, to show them and to know how long units count.
CREATE TABLE IF NOT EXISTS kept (
    account INTEGER NOT NULL, text TEXT NOT NULL, units INTEGER NOT NULL, span_s REAL NOT NULL, route TEXT NOT NULL,
    seen_t REAL NOT NULL, PRIMARY KEY (account, text)) WITHOUT ROWID;
