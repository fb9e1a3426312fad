"""The user's tables as slices of rows. No Beam."""
