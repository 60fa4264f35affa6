"""What is drawn: scenes laid out with plates as boxes, then SVG, DOT or PNG."""
