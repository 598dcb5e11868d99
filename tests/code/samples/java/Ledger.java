/*
 * Copyright notice of the example company.
 */
package org.example.ledger;

import static java.util.stream.Collectors.toList;

import java.util.*;
import java.util.function.Function;

/**
 * Books what is paid to whom.
 *
 * @param <K> what accounts are known by
 */
@SuppressWarnings("unchecked")
public abstract class Ledger<K extends Comparable<K>> implements Iterable<K>, AutoCloseable {

    public static final int MAX_ACCOUNTS = 1_000;
    private static final Map<String, Ledger<?>> OPEN = new HashMap<>();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(OPEN::clear));
    }

    protected final Map<K, Long> accounts = new TreeMap<>();

    /** What can happen to money. */
    public enum Kind {
        DEPOSIT("in") {
            @Override
            long sign() {
                return 1;
            }
        },
        WITHDRAWAL("out");

        private final String word;

        Kind(String word) {
            this.word = word;
        }

        long sign() {
            return -1;
        }
    }

    /** One line of the book. */
    public record Entry<T>(T account, long cents) {
        public Entry {
            if (cents < 0) {
                throw new IllegalArgumentException("negative: " + cents);
            }
        }
    }

    @FunctionalInterface
    interface Listener<T> {
        void booked(Entry<T> entry);

        default Listener<T> and(Listener<T> other) {
            return entry -> {
                booked(entry);
                other.booked(entry);
            };
        }
    }

    @interface Audited {
        String value() default "";
    }

    /** Opens a ledger by its name. */
    public Ledger(String name) {
        OPEN.put(name, this);
    }

    // Callers hold the lock of the account.
    @Audited("booking")
    public synchronized <T> Entry<K> book(K account, long cents, Kind... kinds) throws TooMuch {
        var signed = Arrays.stream(kinds).mapToLong(Kind::sign).reduce(cents, (a, b) -> a * b);
        accounts.merge(account, signed, Long::sum);
        if (accounts.size() > MAX_ACCOUNTS) {
            throw new TooMuch("""
                Too many accounts:
                close one first.
                """);
        }
        return new Entry<>(account, Math.abs(signed));
    }

    public abstract String describe(K account);

    @Override
    public Iterator<K> iterator() {
        return new Iterator<>() {
            private final Iterator<K> inner = accounts.keySet().iterator();

            @Override
            public boolean hasNext() {
                return inner.hasNext();
            }

            @Override
            public K next() {
                return inner.next();
            }
        };
    }

    static class TooMuch extends Exception {
        TooMuch(String message) {
            super(message);
        }
    }
}

sealed interface Shape permits Circle {}

final class Circle implements Shape {
    double area(double radius) {
        return switch ((int) radius) {
            case 0 -> 0.0;
            default -> Math.PI * radius * radius;
        };
    }
}
