//! A pool of objects of one size.

const std = @import("std");
const Allocator = std.mem.Allocator;
const expect = std.testing.expect;

pub const max_items: usize = 1024;
var live: u32 = 0;

/// What can go wrong.
pub const Error = error{
    Full,
    NotOurs,
};

pub const State = enum(u8) {
    free,
    used,

    pub fn isFree(self: State) bool {
        return self == .free;
    }
};

const Value = union(enum) {
    int: i64,
    text: []const u8,
};

/// Makes the type of a pool.
pub fn Pool(comptime T: type) type {
    return struct {
        const Self = @This();

        items: []T,
        states: []State,
        allocator: Allocator,

        /// Takes the memory for all items at once.
        pub fn init(allocator: Allocator, size: usize) !Self {
            if (size > max_items) return Error.Full;
            const items = try allocator.alloc(T, size);
            errdefer allocator.free(items);
            live += 1;
            return Self{
                .items = items,
                .states = try allocator.alloc(State, size),
                .allocator = allocator,
            };
        }

        pub fn deinit(self: *Self) void {
            self.allocator.free(self.items);
            self.allocator.free(self.states);
        }

        // Linear, which is fast enough for a thousand items.
        pub fn take(self: *Self) Error!*T {
            for (self.states, 0..) |*state, index| {
                if (state.isFree()) {
                    state.* = .used;
                    return &self.items[index];
                }
            }
            return Error.Full;
        }
    };
}

const Point = packed struct {
    x: i16 = 0,
    y: i16 = 0,

    pub fn add(a: Point, b: Point) Point {
        return .{ .x = a.x + b.x, .y = a.y + b.y };
    }
};

extern "c" fn getpid() c_int;

export fn pool_count() u32 {
    return live;
}

inline fn double(value: anytype) @TypeOf(value) {
    return value * 2;
}

test "items are taken until there are none" {
    var pool = try Pool(u32).init(std.testing.allocator, 2);
    defer pool.deinit();
    _ = try pool.take();
    _ = try pool.take();
    try std.testing.expectError(Error.Full, pool.take());
}

test {
    const text =
        \\one
        \\two
    ;
    try expect(text.len == 7);
    try expect(double(2) == 4);
}
