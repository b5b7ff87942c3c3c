"""What everything shares: records, params, files, errors, metrics, intervals."""
