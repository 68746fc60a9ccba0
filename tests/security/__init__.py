"""What must hold on every address: read from the URLconf, so that none is forgotten."""
