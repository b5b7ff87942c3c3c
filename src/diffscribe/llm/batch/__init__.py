"""Answers by files of requests: written, submitted, waited for and collected."""
