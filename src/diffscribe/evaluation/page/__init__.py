"""reports/eval/index.html: all systems, all answers, and blind votes, in one file."""
