"""Tables, and the statements that both processes run on them."""
