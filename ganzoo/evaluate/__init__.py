"""How good are the samples? Figures with their protocols: see docs/evaluation.md. Light."""
