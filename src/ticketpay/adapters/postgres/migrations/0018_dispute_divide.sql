-- A lost dispute is shared anew when a refund that was made beside it has failed.
INSERT INTO machine_moves (machine, from_state, event, to_state) VALUES
    ('dispute', 'lost', 'divide', 'lost');
