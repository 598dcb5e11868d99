package org.example
package queue

import scala.collection.mutable.{ArrayDeque, Map as MutableMap}
import scala.concurrent.Future
import java.util.UUID

/** How urgent a job is. */
enum Priority(val weight: Int):
  case Low extends Priority(1)
  case High extends Priority(10)

  def beats(other: Priority): Boolean = weight > other.weight

type Id = UUID
opaque type Name = String

object Name:
  def apply(text: String): Name = text.trim

/** What can be put into a queue. */
sealed trait Job[+A] {
  def id: Id
  def run(): Future[A]

  def describe: String = s"job ${id}"
}

case class Simple[A](id: Id, work: () => A)(using context: Context) extends Job[A] {
  override def run(): Future[A] = Future(work())(using context.executor)
}

case object Nothing extends Job[Unit] {
  val id: Id = UUID.randomUUID()
  def run(): Future[Unit] = Future.unit
}

/**
 * A queue of jobs, the most urgent ones first.
 */
class Queue[A](capacity: Int) extends Iterable[Job[A]] with AutoCloseable {
  import Queue.Full

  private val jobs = ArrayDeque.empty[Job[A]]
  private var closed = false
  lazy val names: MutableMap[Id, Name] = MutableMap.empty

  def this() = this(Queue.Capacity)

  // Full queues refuse: the caller knows what to drop.
  @throws[Full]("when there is no room")
  def put(job: Job[A], priority: Priority = Priority.Low): Unit = {
    def room: Int = capacity - jobs.size
    if (room <= 0 || closed) throw new Full(capacity)
    priority match {
      case Priority.High => jobs.prepend(job)
      case _             => jobs.append(job)
    }
  }

  def iterator: Iterator[Job[A]] = jobs.iterator

  def +=(job: Job[A]): this.type = {
    put(job)
    this
  }

  override def close(): Unit = {
    closed = true
  }
}

/** Makes queues. */
object Queue {
  val Capacity = 100

  final class Full(capacity: Int) extends Exception(s"more than $capacity jobs")

  def apply[A](jobs: Job[A]*): Queue[A] = {
    val queue = new Queue[A]()
    for (job <- jobs) queue.put(job)
    queue
  }
}

trait Show[A]:
  def show(value: A): String

given showJob: Show[Job[?]] with
  def show(job: Job[?]): String = job.describe

extension [A](queue: Queue[A])
  def isFull: Boolean = queue.size >= Queue.Capacity

@main def demo(names: String*): Unit =
  val queue = Queue[String]()
  names.foreach(name => println(Name(name)))
