"""Pure values and rules; nothing here awaits or does I/O."""
