//! What Tandem keeps: SQLite through sqlx, migrations, batched writes.
