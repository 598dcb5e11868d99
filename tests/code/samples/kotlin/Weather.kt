@file:JvmName("Weather")

package org.example.weather

import kotlinx.coroutines.delay
import java.time.Instant as Time
import org.example.units.*

/** Degrees, of whatever scale. */
typealias Degrees = Double

const val FREEZING: Degrees = 0.0
private val stations = mutableMapOf<String, Station>()

/** What a station measured. */
@Serializable
data class Reading(val degrees: Degrees, val at: Time) {
    init {
        require(degrees > -273.15) { "colder than possible: $degrees" }
    }

    val isFreezing: Boolean
        get() = degrees <= FREEZING

    operator fun compareTo(other: Reading) = degrees.compareTo(other.degrees)
}

sealed interface Result<out T> {
    data class Ok<T>(val value: T) : Result<T>
    data object Missing : Result<Nothing>
}

enum class Sky(val symbol: Char) {
    CLEAR('*') {
        override fun describe() = "clear"
    },
    CLOUDY('~');

    open fun describe(): String = name.lowercase()
}

fun interface Listener {
    fun measured(reading: Reading)
}

annotation class Unstable(val reason: String = "")

/**
 * A station, which measures now and then.
 */
abstract class Station(val name: String, private val listeners: List<Listener> = emptyList()) : Source by Clock {
    private var last: Reading? = null

    constructor(name: String, listener: Listener) : this(name, listOf(listener))

    // The sensor needs a moment between two readings.
    @Unstable("will take a scope")
    suspend fun measure(times: Int = 1): Result<Reading> {
        repeat(times) {
            delay(100)
            last = Reading(degrees = sensor(), at = Time.now())
        }
        fun tell(reading: Reading) {
            for (listener in listeners) listener.measured(reading)
        }
        return when (val found = last) {
            null -> Result.Missing
            else -> {
                tell(found)
                Result.Ok(found)
            }
        }
    }

    protected abstract fun sensor(): Degrees

    inner class Log {
        fun lines(): List<String> = listOf("$name: ${last?.degrees ?: "none"}")
    }

    companion object {
        const val LIMIT = 10

        @JvmStatic
        fun find(name: String) = stations[name]
    }
}

object Registry : Iterable<Station> {
    override fun iterator() = stations.values.iterator()

    fun add(station: Station) {
        stations[station.name] = station
    }
}

/** Converts to the scale of the United States. */
fun Degrees.toFahrenheit(): Degrees = this * 9 / 5 + 32

inline fun <reified T : Any> List<T>.second(): T? = getOrNull(1)

val Reading.label: String
    get() = """
        ${degrees.toFahrenheit()} F
    """.trimIndent()

fun main(args: Array<String>) {
    val names = args.map { it.trim() }
    names.forEach { println(Station.find(it)?.name) }
}
