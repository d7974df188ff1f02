"""Tables, sessions, migrations, and the Merkle tiles. Knows rows; knows no chain and no HTTP."""
