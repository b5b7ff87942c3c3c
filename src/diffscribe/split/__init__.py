"""Stage split: training, validation and test rows that share nothing."""
