"""A sweep on Ray: one task for each cohort, and a driver that only starts them and waits. Needs the extra `ray`."""
