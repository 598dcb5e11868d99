# frozen_string_literal: true

require 'date'
require_relative 'money'

# Bills and what is on them.
module Billing
  include Comparable

  TAX = 0.19
  WORDS = <<~TEXT
    def not_a_method
    Thank you for your order.
  TEXT

  Line = Struct.new(:text, :cents) do
    def tax
      (cents * TAX).round
    end
  end

  class Error < StandardError; end

  # An invoice for one customer.
  #
  # It cannot be changed once it is sent.
  class Invoice < Document::Base
    attr_reader :lines, :date

    class << self
      def build(customer)
        new(customer).tap { |invoice| yield invoice if block_given? }
      end
    end

    def self.open(path)
      load(File.read(path))
    end

    def initialize(customer, date: Date.today)
      @customer = customer
      @date = date
      @lines = []
    end

    # Adds a line; refuses what is free.
    def <<(line)
      raise Error, 'nothing to pay' unless line.cents.positive?

      @lines << line
      self
    end

    def total
      lines.sum(&:cents)
    end

    def sent?
      !@sent.nil?
    end

    def note=(text)
      @note = text
    end

    def [](index) = @lines[index]

    private

    def check!
      case @lines
      in [] then raise Error
      in [Line, *] then true
      end
    rescue NoMatchingPatternError => e
      warn e.message
    end
  end

  class Credit::Note < Invoice
    def total = -super
  end

  module_function

  def format(cents)
    "%.2f €" % (cents / 100.0)
  end
end

def main(arguments)
  invoice = Billing::Invoice.build(arguments.first) do |i|
    i << Billing::Line.new('Tea', 350)
  end
  puts invoice.total, Billing::WORDS
end

main(ARGV) if $PROGRAM_NAME == __FILE__
