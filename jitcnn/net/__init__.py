"""The network: ``CNN``, its arrays and files, its description as TOML, the steps it runs, and its summary."""
