"""Objectives: what training climbs, one file each, over bound densities, fields and guides."""
