"""The simple recurrent layer."""
