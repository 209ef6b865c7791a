"""What is allowed and wanted, as dated data: statutes, the bank's own rules, decision tables, wording."""
