"""What a source is: how its list is asked for and read, where its items are, and in whose name. No IO, no clock."""
