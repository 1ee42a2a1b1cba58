"""Exercises of chapter 7, recommenders."""
