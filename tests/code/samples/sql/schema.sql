-- Tables of a small shop, and what is asked of them.

CREATE SCHEMA shop;

CREATE TYPE shop.status AS ENUM ('open', 'paid', 'sent');

/* Customers are never deleted. */
CREATE TABLE shop.customers (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    email text UNIQUE,
    created_at timestamp DEFAULT now()
);

CREATE TABLE IF NOT EXISTS orders (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES shop.customers (id),
    total numeric(10, 2) CHECK (total >= 0),
    note_count int DEFAULT 0
);

CREATE UNIQUE INDEX orders_by_customer ON orders (customer_id, id);

CREATE VIEW big_orders AS
SELECT o.id, c.name, o.total
FROM orders AS o
JOIN shop.customers AS c ON c.id = o.customer_id
WHERE o.total > 1000
ORDER BY o.total DESC;

CREATE MATERIALIZED VIEW totals AS
WITH paid AS (
    SELECT customer_id, total FROM orders WHERE total > 0
)
SELECT customer_id, sum(total) AS total FROM paid GROUP BY customer_id;

-- What a customer has paid so far.
CREATE OR REPLACE FUNCTION shop.paid(customer bigint) RETURNS numeric AS $$
    SELECT coalesce(sum(total), 0) FROM orders WHERE customer_id = customer;
$$ LANGUAGE sql;

CREATE SEQUENCE order_numbers START WITH 1000;

CREATE TRIGGER orders_touched
BEFORE UPDATE ON orders
FOR EACH ROW EXECUTE FUNCTION touch();

ALTER TABLE orders ADD COLUMN note text;

INSERT INTO shop.customers (id, name) VALUES (1, 'Ada'), (2, 'Grace; the second');

UPDATE orders SET total = total * 2 WHERE id IN (SELECT id FROM big_orders);

SELECT c.name,
       count(*) AS orders,
       CASE WHEN sum(o.total) > 100 THEN 'good' ELSE 'new' END AS kind
FROM shop.customers c
LEFT JOIN orders o ON o.customer_id = c.id
GROUP BY c.name
HAVING count(*) > 1
LIMIT 10;

DELETE FROM orders WHERE total = 0;
