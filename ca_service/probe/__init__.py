"""Looks from outside, as others do; opens connections only to addresses that the installation itself names."""
