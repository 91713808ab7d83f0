-- Keys for SCRAM-SHA-512, as those of the other families.
ALTER TABLE accounts ADD COLUMN scram_sha512 BLOB;
