-- A database as version 1 of its tables made it.
PRAGMA application_id = 1229669698;
CREATE TABLE schema (component TEXT PRIMARY KEY, version INTEGER NOT NULL);
INSERT INTO schema VALUES ('store', 1);
CREATE TABLE settings (path TEXT NOT NULL, is_section INTEGER NOT NULL, value, position INTEGER NOT NULL,
  PRIMARY KEY (path, is_section)) WITHOUT ROWID;
CREATE INDEX settings_order ON settings (position);
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret);
CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time_us INTEGER NOT NULL, who TEXT NOT NULL,
  action TEXT NOT NULL, path TEXT NOT NULL);
INSERT INTO settings VALUES ('connections', 1, NULL, 1);
INSERT INTO settings VALUES ('connections.home', 1, NULL, 2);
INSERT INTO settings VALUES ('connections.home.version', 0, '2', 3);
INSERT INTO users VALUES (1, 'carol', 'Ar3etTnp');
INSERT INTO audit VALUES (1, 1000000, 'root', 'import', 'connections.home');
