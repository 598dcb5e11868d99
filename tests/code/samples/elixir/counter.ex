defmodule Example.Counter do
  @moduledoc """
  Counts things, each in a process of its own.
  """

  use GenServer, restart: :transient

  alias Example.{Registry, Store}
  import Enum, only: [map: 2]
  require Logger

  @behaviour Example.Countable
  @timeout 5_000

  @type t :: %__MODULE__{name: atom(), value: integer()}
  defstruct name: nil, value: 0

  @callback describe(t()) :: String.t()

  defguard is_small(value) when is_integer(value) and value < 10

  defmacro debug(expression) do
    quote do
      Logger.debug(inspect(unquote(expression)))
    end
  end

  @doc "Starts a counter."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(options \\ []) do
    GenServer.start_link(__MODULE__, options, timeout: @timeout)
  end

  @doc """
  Adds to a counter and returns its value.

      iex> add(:tea, 2)
      2
  """
  def add(name, count) when is_small(count), do: GenServer.call(name, {:add, count})

  def add(name, count) when count >= 10 do
    for _ <- 1..div(count, 9), do: add(name, 9)
  end

  @impl true
  def init(options) do
    {:ok, struct(__MODULE__, options)}
  end

  # Calls come one after the other, so nothing is lost.
  @impl true
  def handle_call({:add, count}, _from, %{value: value} = state) do
    case Store.save(state.name, value + count) do
      {:ok, saved} ->
        {:reply, saved, %{state | value: saved}}

      {:error, reason} ->
        Logger.error("not saved: #{reason}")
        {:reply, value, state}
    end
  end

  def left + right when is_small(left), do: Kernel.+(left, right)

  defp names do
    Registry.all()
    |> map(fn entry -> entry.name end)
    |> Enum.sort()
  end

  defdelegate size(name), to: Store

  defmodule Error do
    defexception [:message]

    def exception(name) do
      %__MODULE__{message: "no counter #{names(name)}"}
    end
  end
end

defprotocol Example.Countable do
  @doc "How many there are."
  def count(value)
end

defimpl Example.Countable, for: List do
  def count(list), do: length(list)
end

defmodule Example.CounterTest do
  use ExUnit.Case, async: true

  describe "add/2" do
    test "starts at zero", %{name: name} do
      assert Example.Counter.add(name, 0) == 0
    end
  end
end
