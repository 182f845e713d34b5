"""Control data: one engine, its migrations and the one journal. Services bring their own tables in their `store`."""
