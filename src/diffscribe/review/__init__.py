"""The pages on which people look at data, labels and answers."""
