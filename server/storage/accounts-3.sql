-- Which hosts have an account that cannot log in with a family of SCRAM: those of an import that knew one family only.
CREATE INDEX accounts_without_sha1 ON accounts (host) WHERE scram_sha1 IS NULL;
CREATE INDEX accounts_without_sha256 ON accounts (host) WHERE scram_sha256 IS NULL;
CREATE INDEX accounts_without_sha512 ON accounts (host) WHERE scram_sha512 IS NULL;
