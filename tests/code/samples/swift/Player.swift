import Foundation
import class UIKit.UIView
@testable import Sounds

/// What can be played.
public protocol Playable: AnyObject {
    associatedtype Format
    var title: String { get }
    func play(from second: Int) throws -> Bool
}

public typealias Seconds = Int

let maximumVolume = 11

/// What can go wrong.
enum PlayerError: Error {
    case notFound(String)
    case broken

    var isFatal: Bool {
        switch self {
        case .broken: return true
        case .notFound: return false
        }
    }
}

@propertyWrapper
struct Clamped<Value: Comparable> {
    private var value: Value
    let range: ClosedRange<Value>

    init(wrappedValue: Value, _ range: ClosedRange<Value>) {
        self.value = wrappedValue
        self.range = range
    }

    var wrappedValue: Value {
        get { value }
        set { value = min(max(newValue, range.lowerBound), range.upperBound) }
    }
}

/**
 Plays one track after the other.
 */
@MainActor
public final class Player<Track: Playable>: NSObject {
    static let shared = Player<Song>()
    @Clamped(0...10) var volume: Int = 5
    private var tracks: [Track] = []
    var onEnd: ((Track) -> Void)?

    override init() {
        super.init()
    }

    deinit {
        tracks.removeAll()
    }

    // Tracks that cannot be played are left out.
    @discardableResult
    public func play(_ track: Track, from second: Seconds = 0) async throws -> Bool {
        func isKnown(_ track: Track) -> Bool {
            tracks.contains { $0 === track }
        }
        guard isKnown(track) else {
            throw PlayerError.notFound(track.title)
        }
        let played = try track.play(from: second)
        defer { onEnd?(track) }
        return played
    }

    subscript(index: Int) -> Track? {
        return index < tracks.count ? tracks[index] : nil
    }

    class Queue {
        func next() -> Track? { nil }
    }
}

extension Player: Sequence where Track: Hashable {
    public func makeIterator() -> IndexingIterator<[Track]> {
        tracks.makeIterator()
    }

    static func == (left: Player, right: Player) -> Bool {
        left === right
    }
}

actor Library {
    private var songs: [String: Song] = [:]

    func add(_ song: Song) {
        songs[song.title] = song
    }
}

func describe<T: Playable>(_ value: T) -> String {
    """
    Title: \(value.title)
    """
}

#if DEBUG
func debugDump() {
    print("dump")
}
#endif
