"""Exercises of chapter 2, mathematics."""
