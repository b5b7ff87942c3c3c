"""Plans for changes: from their history, or from models that are asked and checked."""
