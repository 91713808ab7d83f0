-- Hosts that were added beside those of the configuration file. See hosts.h.
CREATE TABLE hosts (
	domain TEXT NOT NULL,
	certificate TEXT NOT NULL, -- path; '' where it is self-signed
	private_key TEXT NOT NULL, -- path; '' likewise
	PRIMARY KEY (domain)
) STRICT, WITHOUT ROWID;
