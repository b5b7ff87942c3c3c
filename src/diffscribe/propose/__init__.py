"""From a working tree to commits: what is proposed, edited, shown and made."""
