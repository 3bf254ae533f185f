"""`runbook fleet`: the same diagnosis for everything that a team has, night after night."""
