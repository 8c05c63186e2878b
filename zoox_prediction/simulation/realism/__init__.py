"""How near simulated traffic comes to recorded traffic, and what attributes announce: measured, on any recording."""
