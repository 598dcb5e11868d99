#nullable enable
using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using static System.Math;
using Table = System.Collections.Generic.Dictionary<string, int>;

namespace Example.Orders
{
    /// <summary>What becomes of an order.</summary>
    [Flags]
    public enum State
    {
        None = 0,
        Paid = 1,
        Sent = 2,
    }

    public delegate void Changed<T>(object sender, T value);

    /// <summary>Where orders are kept.</summary>
    public interface IStore<in TKey>
        where TKey : notnull
    {
        int Count { get; }
        Task<Order?> FindAsync(TKey key);
    }

    public record Order(string Customer, decimal Total)
    {
        public bool IsFree => Total == 0m;

        public override string ToString() => $"{Customer}: {Total:F2}";
    }

    public readonly struct Money
    {
        public Money(long cents) => Cents = cents;

        public long Cents { get; }

        public static Money operator +(Money a, Money b) => new(a.Cents + b.Cents);

        public static implicit operator decimal(Money money) => money.Cents / 100m;
    }

    #region Store

    /// <summary>
    /// A store in memory.
    /// </summary>
    [Serializable]
    public sealed partial class Store : IStore<string>, IDisposable
    {
        public const int Limit = 1000;
        private readonly Table _counts = new();

        public event Changed<State>? Changed;

        static Store()
        {
            Console.WriteLine("ready");
        }

        public Store(int size = Limit) : base()
        {
            Size = Max(size, 1);
        }

        ~Store() => Dispose();

        public int Size { get; private set; }

        public int Count
        {
            get => _counts.Count;
        }

        public int this[string key]
        {
            get { return _counts[key]; }
            set { _counts[key] = value; }
        }

        // The first order of a customer wins.
        public async Task<Order?> FindAsync(string key)
        {
            static bool IsKnown(Table table, string key) => table.ContainsKey(key);

            await Task.Yield();
            if (!IsKnown(_counts, key))
            {
                return null;
            }
            Changed?.Invoke(this, State.Paid | State.Sent);
            var query = from pair in _counts where pair.Value > 0 select pair.Key;
            return new Order(string.Join(",", query), 1m) with { Total = 2m };
        }

        public T Get<T>(string key, Func<int, T> map)
            where T : struct
        {
            return map(_counts[key]);
        }

        public void Dispose()
        {
            _counts.Clear();
        }

        private class Entry
        {
            internal string Name = @"C:\orders";
        }
    }

    #endregion

    internal static class Extensions
    {
        public static string Shout(this string text) => text.ToUpperInvariant() + "!";
    }
}
